#!/bin/sh
# Each Pod says its own name at /hostname.html, so that a test sees which one answered.
hostname > /usr/share/nginx/html/hostname.html
exec "$@"
