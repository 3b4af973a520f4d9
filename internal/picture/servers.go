package picture

import (
	"context"
	"errors"
	"time"

	"github.com/contrail-events/contrail/eventstore"
)

// No table is read.
const serverSQL = `SELECT current_setting('server_version')`

// readPostgres tells whether the database can serve: a primary that is new enough, and migrated to this version.
func (r *Reader) readPostgres(ctx context.Context, to *Picture) error {
	server := &to.Postgres
	if r.pool == nil {
		return server.missing(r.config.NoDatabase, "no database is named")
	}
	began := time.Now()
	err := r.pool.QueryRow(ctx, serverSQL).Scan(&server.Version)
	server.RoundTrip = time.Since(began).Seconds()
	if err != nil {
		server.standing = silent
	} else {
		err = eventstore.Check(ctx, r.pool)
	}
	return server.settle(ctx, err)
}

// readNATS tells whether the broker can be asked, and has JetStream.
func (r *Reader) readNATS(ctx context.Context, to *Picture) error {
	server := &to.NATS
	if r.js == nil {
		return server.missing(r.config.NoBroker, "no broker is named")
	}
	conn := r.js.Conn()
	server.Version = conn.ConnectedServerVersion()
	if !conn.IsConnected() { // else a question would wait for the connection
		server.standing = silent
		err := conn.LastError()
		if err == nil {
			err = errors.New("not connected")
		}
		return server.settle(ctx, err)
	}
	began := time.Now()
	_, err := r.js.AccountInfo(ctx)
	server.RoundTrip = time.Since(began).Seconds()
	return server.settle(ctx, err)
}

// missing notes that there is no server to ask.
func (s *Server) missing(why error, unless string) error {
	s.standing = unopened
	if why == nil {
		s.standing, why = unnamed, errors.New(unless)
	}
	s.Error = oneLine(why)
	return why
}

// settle notes what the server could not do, and returns it.
func (s *Server) settle(ctx context.Context, err error) error {
	s.Up = err == nil
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	s.Error, s.RoundTrip = oneLine(err), 0
	return err //nolint:wrapcheck // it is told as it is
}
