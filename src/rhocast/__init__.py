"""Electron densities of millions of atoms, learnt from Kohn-Sham DFT of small cells."""

__version__ = "0.1.0"
