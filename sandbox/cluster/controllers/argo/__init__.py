"""The controller of Argo Rollouts, as far as canaries of setWeight and pause steps go."""
