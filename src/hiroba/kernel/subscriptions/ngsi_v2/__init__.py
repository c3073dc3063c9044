"""What subscriptions made through NGSIv2 match and send; the engine is that of all subscriptions."""
