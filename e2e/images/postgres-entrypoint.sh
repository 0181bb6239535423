#!/bin/sh
# Starts a PostgreSQL server on $PGDATA, which is made at the first start.
set -e
PATH=/usr/lib/postgresql/15/bin:$PATH
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    initdb --username=postgres --auth=trust --locale=C --encoding=UTF8 --pgdata="$PGDATA"
    echo "host all all all trust" >>"$PGDATA/pg_hba.conf"
fi
# The server refuses a folder that its group may write into, as fsGroup makes it.
chmod 0700 "$PGDATA"
exec "$@" -D "$PGDATA" -c listen_addresses='*' -c unix_socket_directories=/tmp
