package subscribers

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// unmigrated makes a configError of a refusal to use a table of Contrail's: SQLSTATE class 42, it is missing, of another version, or
// closed to the role.
func unmigrated(err error) error {
	refusal, refused := errors.AsType[*pgconn.PgError](err)
	if refused && strings.HasPrefix(refusal.Code, "42") {
		return misconfigured("%w; run `contrail migrate`, and let the role of this connection use the table", err)
	}
	return err
}

// isMisconfigured tells whether only a person can mend it.
func isMisconfigured(err error) bool {
	_, ok := errors.AsType[configError](err)
	return ok
}
