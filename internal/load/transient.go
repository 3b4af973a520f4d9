package load

import (
	"context"
	"errors"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
)

// isTransient tells whether an append may succeed when it is tried again: the connection was lost, or the server speaks of its own state, of a
// deadlock or of a lock that it did not get.
func isTransient(err error) bool {
	if refusal, refused := errors.AsType[*pgconn.PgError](err); refused {
		switch refusal.Code[:min(len(refusal.Code), 2)] {
		case "08", "40", "53", "55", "57", "58", "XX":
			return true
		}
		return false
	}
	_, network := errors.AsType[net.Error](err)
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	return network || connecting || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, context.DeadlineExceeded) || pgconn.SafeToRetry(err)
}
