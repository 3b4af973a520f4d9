package webhook

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Rotation says how a secret is replaced. The zero value has a new one made, beside which the former one is valid for 24 hours.
type Rotation struct {
	Secret Secret        // the new one; zero: one is made
	Keep   time.Duration // how long requests are signed with the former one, too: up to 30 days; below zero: not at all. Default: 24 h
	By     string        // who does so, as in ada@ops
	Tenant string        // not empty: only if the endpoint is this tenant's
}

const (
	defaultKeep = 24 * time.Hour
	maxKeep     = 30 * 24 * time.Hour
)

// rotateSQL waits for whoever has the row locked, which nobody has for long.
const rotateSQL = `UPDATE contrail.webhooks SET secret = $3, former_secret = CASE WHEN $4 > interval '0' THEN secret ELSE '' END,
		former_until = CASE WHEN $4 > interval '0' THEN clock_timestamp() + $4 END, changed_at = clock_timestamp(), changed_by = $5
	WHERE id = $1 AND ($2 = '' OR tenant = $2) RETURNING ` + columns

// Rotate replaces an endpoint's secret, and returns the new one: the only time that it is told. While both are valid each request is signed with
// both, so that the receiver may change over whenever it likes. A secret that was being replaced already is not valid any more. The process that posts notices within a second,
// and tries at once what waits for its next attempt.
//
// The error names every field that is wrong, or wraps [ErrNotFound].
func Rotate(ctx context.Context, db Querier, id uuid.UUID, rotation Rotation) (Endpoint, Secret, error) {
	rotation.Keep = orDefault(rotation.Keep, defaultKeep)
	if err := errors.Join(checkLine("By", rotation.By, false), checkRange("Keep", max(rotation.Keep, 0), 0, maxKeep)); err != nil {
		return Endpoint{}, Secret{}, fmt.Errorf("rotate endpoint %s: %w", id, err)
	}
	secret := rotation.Secret
	if secret.IsZero() {
		secret = NewSecret()
	}
	endpoint, err := statement{"rotate the secret of", rotateSQL}.on(ctx, db, id, rotation.Tenant, secret.Reveal(), rotation.Keep, rotation.By)
	if err != nil {
		return Endpoint{}, Secret{}, err
	}
	return endpoint, secret, nil
}
