package invoicing_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/domain"
	"github.com/contrail-events/contrail/internal/invoicing"
)

func TestUnavailable(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		&pgconn.PgError{Code: "57P01"}, &pgconn.PgError{Code: "08006"}, &pgconn.PgError{Code: "53300"}, &pgconn.PgError{Code: "25006"}, &pgconn.PgError{Code: "57014"},
		&pgconn.ConnectError{}, &net.OpError{Op: "dial", Err: errors.New("refused")}, io.ErrUnexpectedEOF, net.ErrClosed, errors.New("conn closed"),
	} {
		require.True(t, invoicing.Unavailable(fmt.Errorf("append: %w", err)), "%v", err)
	}
	for _, err := range []error{
		&pgconn.PgError{Code: "42P01"}, &pgconn.PgError{Code: "23505"}, domain.ErrNotFound, errors.New("no"), context.Canceled,
	} {
		require.False(t, invoicing.Unavailable(fmt.Errorf("append: %w", err)), "%v", err)
	}
}
