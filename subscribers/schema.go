package subscribers

import (
	"errors"
	"strings"
)

// unmigrated makes a configError of a refusal to use what is Contrail's: SQLSTATE class 42, it is missing, of another version, or closed to the
// role; class 25, the transaction is not one that it can be used in.
func unmigrated(err error) error {
	state, refused := stateOf(err)
	switch {
	case refused && strings.HasPrefix(state, "42"):
		return misconfigured("%w; run `contrail migrate`, and let the role of this connection use the table", err)
	case refused && strings.HasPrefix(state, "25") && state != idleTooLong:
		return misconfigured("%w; let default_transaction_isolation of this role be read committed, and the server not be a standby", err)
	}
	return err
}

// idleTooLong is the SQLSTATE of a transaction that the server ended since its process did nothing for a while.
const idleTooLong = "25P03"

// isMisconfigured tells whether only a person can mend it.
func isMisconfigured(err error) bool {
	_, ok := errors.AsType[configError](err)
	return ok
}
