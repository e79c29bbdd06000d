"""Measurements that stand behind figures in the docs; each module is one command."""
