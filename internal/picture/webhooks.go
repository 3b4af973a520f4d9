package picture

import (
	"context"

	"github.com/contrail-events/contrail/subscribers/webhook"
)

// mostTroubled is how many endpoints that are in trouble are told one by one.
const mostTroubled = 100

func (r *Reader) readWebhooks(ctx context.Context, to *Picture) (err error) {
	to.Webhooks, err = r.webhooks.get(ctx, r.config.Limits.Recount, r.countWebhooks)
	return err
}

// countWebhooks reads all endpoints, of which there are few.
func (r *Reader) countWebhooks(ctx context.Context) (*Endpoints, error) {
	endpoints := &Endpoints{Troubled: []webhook.Endpoint{}}
	for one, err := range webhook.List(ctx, r.pool, webhook.Filter{}) {
		if err != nil {
			return nil, err
		}
		switch {
		case one.State == webhook.StateDisabled:
			endpoints.Disabled++
		case one.OpenedAt != nil:
			endpoints.Open++
		default:
			endpoints.Enabled++
			continue
		}
		if len(endpoints.Troubled) < mostTroubled {
			endpoints.Troubled = append(endpoints.Troubled, one)
		}
	}
	return endpoints, nil
}
