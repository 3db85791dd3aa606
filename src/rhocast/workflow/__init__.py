"""What the rules share: what determines each result, which results stand, where they lie."""
