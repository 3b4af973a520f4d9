package main

import (
	"context"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/contrail-events/contrail/subscribers/webhook"
)

// webhooksRotateVerb replaces a secret.
type webhooksRotateVerb struct {
	oneWebhook
	secretFlag

	Keep string `env:"-" default:"24h" placeholder:"24h" help:"How long requests are signed with the former secret, too, as 36h or 7d, up to 30d; 0s: no longer."`
	JSON bool   `name:"json" help:"Print one JSON line."`
}

// Help teaches.
func (*webhooksRotateVerb) Help() string {
	return `Replaces the secret that requests to an endpoint are signed with, and prints the new one, this once. For a while requests are signed with both, so
that the receiver may change over whenever it likes; then with the new one alone. If the former one has leaked, give --keep 0s: what is
signed with the new one alone is refused until the receiver knows it, and tried again. A rotation within a rotation does away with the oldest.

Examples:

  contrail webhooks rotate 0192d9a1-7c3e-7c4e-9a30-0f3f2f4b5a6c
  contrail webhooks rotate 0192d9a1-7c3e-7c4e-9a30-0f3f2f4b5a6c --keep 7d --secret-file new.txt`
}

const maxKeep = 30 * 24 * time.Hour // the package's bound

// Run rotates.
func (v *webhooksRotateVerb) Run(ctx context.Context, a *app) error {
	keep, err := duration(v.Keep)
	if err != nil || keep < 0 || keep > maxKeep {
		return usagef("--keep is %q; give how long as 36h or 7d, up to 30d, or 0s", v.Keep)
	}
	if keep == 0 {
		keep = -1
	}
	secret, err := v.secret(os.Stdin)
	if err != nil {
		return err
	}
	return a.withWebhooks(ctx, func(ctx context.Context, pool *pgxpool.Pool) error {
		rotation := webhook.Rotation{Secret: secret, Keep: keep, By: person(), Tenant: v.Tenant}
		endpoint, secret, err := webhook.Rotate(ctx, pool, v.Endpoint, rotation)
		if err != nil {
			return err
		}
		if err := a.tellSecret(endpoint, secret, v.JSON); err != nil || v.JSON {
			return err
		}
		if endpoint.FormerUntil != nil {
			a.printf("Requests are signed with the former one, too, until %s.\n", timeText(endpoint.FormerUntil))
		}
		return nil
	})
}
