package localstack

import (
	"context"
	"errors"
	"fmt"
)

// What can be wrong with a folder or a machine. The error that wraps one of them says what to do.
var (
	ErrInUse        = errors.New("folder in use by a running server")
	ErrNotOurs      = errors.New("folder holds something else")
	ErrOtherVersion = errors.New("folder belongs to another major version of PostgreSQL")
	ErrNotInstalled = errors.New("no PostgreSQL server programs")
	ErrClosed       = errors.New("server closed")
)

// errPortTaken says that between choosing a port and listening there somebody else took it.
var errPortTaken = errors.New("port taken")

// ended is why ctx has ended: its error and, where that is another, its cause. It is nil while ctx goes on.
func ended(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if err == nil || errors.Is(cause, err) {
		return cause //nolint:wrapcheck // the callers tell what it was about
	}
	return fmt.Errorf("%w: %w", err, cause)
}
