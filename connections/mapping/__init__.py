"""Which customer of a vendor each organization below is: the mapping of one organization for one integration."""
