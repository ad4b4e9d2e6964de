"""Getting a gang of workers to run: the only floor that imports ray.

Ray schedules, watches and restarts; nothing of that is written again here. What is written is what Ray
does not do: say why a gang cannot be placed, stop with a checkpoint on Ctrl-C, keep its own chatter out
of the terminal, and take down exactly what was started.
"""
