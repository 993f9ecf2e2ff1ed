"""The application behind the load balancers: a small real service that can drain, fail and be counted."""
