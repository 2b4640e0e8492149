"""The controllers: reconcile functions that are called on each change, as in kube-controller-manager."""
