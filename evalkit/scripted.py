"""Scripted agents, where task plugins of before 0.1 import them from; new ones write `from evalkit import …`."""

from evalkit.task.scripted_agents import ScriptedAgent as ScriptedAgent
from evalkit.task.scripted_agents import ScriptedTurn as ScriptedTurn
from evalkit.task.scripted_agents import Tokens as Tokens
from evalkit.task.scripted_agents import load_agents as load_agents
from evalkit.task.scripted_agents import submitting as submitting
