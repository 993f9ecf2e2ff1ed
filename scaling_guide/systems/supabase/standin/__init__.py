"""A stand-in for Supabase's management API: its published paths and shapes, over a project in a file."""
