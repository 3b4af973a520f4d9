package invoicing

import (
	"errors"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Unavailable tells errors that say "the database can't be used now" from all others: it can't be reached, it starts or stops, it has no connection
// or no space left, it is a standby now, it has lost its patience with a process that was frozen or with a lock, or the connection broke in the
// midst. Of a command that ended so nobody knows whether it was done: with a key or a reference it may be tried again.
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
	const readOnly, idleTooLong, canceled, noLock = "25006", "25P03", "57014", "55P03"
	isOf := func(class string) bool { return strings.HasPrefix(code, class) }
	return isOf("08") || isOf("53") || isOf("57P") || isOf("58") || slices.Contains([]string{readOnly, idleTooLong, canceled, noLock}, code)
}
