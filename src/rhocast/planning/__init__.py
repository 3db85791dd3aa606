"""Planning: what a campaign will cost, before it is begun.

A `Calibration` holds what this machine, engine and configuration are worth, measured in a minute or
two (`calibrate`) and stored as JSON; `complete` adds the dynamics that a stored one lacks.
`estimate` turns a configuration and a calibration into core hours, memory and disk, stage by stage.
"""

from rhocast.planning.campaign_cost import estimate
from rhocast.planning.machine import Calibration, read_calibration
from rhocast.planning.miniature import calibrate, complete
from rhocast.planning.stages import Stage

__all__ = ["Calibration", "Stage", "calibrate", "complete", "estimate", "read_calibration"]
