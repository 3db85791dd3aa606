"""A first campaign for a material: settings chosen from its structure, each with its reason."""

from rhocast.drafting.draft import Draft, Material, Wish, draft_campaign

__all__ = ["Draft", "Material", "Wish", "draft_campaign"]
