package webhook

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// post makes one attempt of a delivery, whose id is the webhook-id of all of them, and says in the ledger's words what became of it. Only 2xx is success.
// 410 Gone is permanent and wraps errGone. All else may be over when it is tried again, also when nobody knows whether the endpoint has taken the event:
// a receiver that has seen an id does nothing. With 429 and 503 the endpoint may say when. The receipt is there with either outcome.
func (c *client) post(ctx context.Context, to target, id uuid.UUID, body []byte) (deliveries.Receipt, error) {
	got, err := c.do(ctx, to, id, body)
	if err != nil {
		return deliveries.Receipt{}, deliveries.Temporary(err)
	}
	receipt := deliveries.Receipt{Response: got.text}
	fault := got.fault()
	if errors.Is(fault, errGone) {
		return receipt, contrail.Permanent(fault)
	}
	if delay, asked := got.delay(); asked {
		return receipt, contrail.RetryAfter(delay, fault)
	}
	return receipt, deliveries.Temporary(fault)
}
