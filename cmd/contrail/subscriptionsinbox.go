package main

import (
	"context"

	"github.com/contrail-events/contrail/subscribers/subscriptions"
)

// inboxFlags say where a subscription's inbox is.
type inboxFlags struct {
	InboxURL string `placeholder:"URL" help:"PostgreSQL with the subscription's inbox: the subscriber's own database. Default: that of DATABASE_URL."`
}

// openInbox opens the inbox's database, where it is needed.
func (f inboxFlags) openInbox(ctx context.Context, a *app, needed bool) (db subscriptions.Beginner, closePool func(), err error) {
	if !needed {
		return nil, func() {}, nil
	}
	own := *a
	if f.InboxURL != "" {
		own.DatabaseURL, own.databaseFrom = f.InboxURL, "--inbox-url"
	}
	pool, err := own.openStore(ctx, 1)
	if err != nil {
		return nil, nil, err
	}
	return pool, pool.Close, nil
}
