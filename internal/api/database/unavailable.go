package database

import (
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Unavailable tells errors that say "the database can't be used now" from all others: it can't be reached, it starts or stops, it has no connection
// or no space left, it became a standby, or the connection broke in the midst. Of a command that ended so nobody knows whether it was done.
func Unavailable(err error) bool {
	if refusal, is := errors.AsType[*pgconn.PgError](err); is {
		return unavailableCode(refusal.Code)
	}
	if _, is := errors.AsType[*pgconn.ConnectError](err); is {
		return true
	}
	if _, is := errors.AsType[net.Error](err); is {
		return true
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || pgconn.SafeToRetry(err) ||
		strings.Contains(err.Error(), "conn closed") // pgx has no value for it
}

func unavailableCode(code string) bool {
	switch code {
	case "25006", // read-only: a standby now
		"57P01", "57P02", "57P03", // it stops, or starts
		"57P05": // the connection was idle for too long
		return true
	}
	return strings.HasPrefix(code, "08") || strings.HasPrefix(code, "53") || strings.HasPrefix(code, "58")
}
