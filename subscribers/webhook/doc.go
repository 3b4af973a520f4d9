// Package webhook posts events to HTTP endpoints that others have registered: as CloudEvents, signed by the Standard Webhooks
// (https://www.standardwebhooks.com), with a ledger of every attempt.
//
//	endpoint, secret, err := webhook.Add(ctx, pool, webhook.Endpoint{Consumer: "webhooks", URL: "https://example.com/hooks"}, webhook.Secret{})
//
//	hooks, err := webhook.New(js, pool, webhook.Config{Subscription: subscribers.Config{Durable: "webhooks"}})
//	err = hooks.Run(ctx)
//
// # What holds
//
//   - An endpoint gets each event that it wants and that was appended after [Add] returned: what is to be posted is planned in the transaction of the inbox,
//     and stands in the ledger of package subscribers/deliveries, one delivery for each event and endpoint, with every attempt.
//
//   - At least once. A request may come twice, since nobody can know whether an endpoint that did not answer has taken the event: attempts of one
//     delivery have the same webhook-id, by which receivers tell. Only 2xx means that the endpoint has it.
//
//   - Order: the events of one stream reach an endpoint one after another, in the order in which they were planned, which is that of the stream
//     (subscribers.Config.Partitions keeps it among processes, too). While one waits for its next attempt the stream's later ones wait, until it has
//     ended. With a Concurrency of 1, the default, that is so for all events of the endpoint, in the order in which their plans are committed: of
//     several workers that plan side by side, any may be first. A delivery that a person has sent again comes when it comes, and so does one that is
//     held for a person.
//
//   - Each endpoint stands for itself: its requests, its order, its circuit. One that hangs keeps none but its own events waiting, and no
//     database connection meanwhile. An endpoint is held by one process at a time; those that share the durable divide the endpoints among them, and
//     take over those of one that has died within [Config].Lease.
//
// # An endpoint that fails
//
// A delivery that fails is tried again by [Config].Backoff, up to the endpoint's MaxAttempts times. After [Circuit].Failures failed requests in a
// row the circuit opens: from then on the oldest open delivery alone is tried, as a probe, first after [Circuit].ProbeMin, then at ever longer
// intervals up to [Circuit].ProbeMax. Probes are attempts like any other and are counted; but a delivery is not given up by its probes
// sooner than its attempts would have taken by Backoff, so that an outage does not use up what waits. When a probe succeeds the circuit closes, and
// all that waits is due at once. An endpoint that has failed for [Config].DisableAfter is disabled, and so is one that answers
// 410 Gone: what was to be posted to it is cancelled as `endpoint_disabled`, from where a person may have it sent after [Enable], and the
// event [Disabled] is appended by [Config].Append. One that answers 429 or 503 with Retry-After gets nothing until then.
//
// A process begins nothing in the last third of its lease, so one that was frozen, or is cut off from the database, does not disturb the one that has taken over. What
// it had begun it may still post, late, under a webhook-id that the receiver has seen by then.
//
// # Tenants
//
// An endpoint with a tenant gets that tenant's events (their tenant_id) and no others. One without gets those of all. Whoever looks after one tenant's endpoints
// gives Tenant to the functions of this package: then the others' are not there.
package webhook
