"""How numbers are written where Django knows it only in part."""
