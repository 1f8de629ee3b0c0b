"""People who do not exist, at stations that are simulated: `makerfloor-gateway simulate`."""
