"""A football match made by code: bodies, cloth, motion, camera and the truth about them."""
