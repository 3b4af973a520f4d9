package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/contrail-events/contrail/eventstore"
)

func checkPooling(ctx context.Context, d *Doctor) ([]Finding, error) {
	conn, err := d.pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	err = eventstore.CheckSession(ctx, conn.Conn(), d.pool)
	conn.Release()
	if !errors.Is(err, eventstore.ErrPooled) {
		if err != nil {
			return nil, err
		}
		return good(nil, "sessions are this program's own"), nil
	}
	finding := Finding{
		Severity: Warning, What: "a proxy that pools transactions lies before PostgreSQL", Why: "neither session locks nor LISTEN work through it",
		Do: "give relays that connect this way --wake poll, and default_query_exec_mode=exec in the URL; or connect them directly",
	}
	living, _, err := d.relays(ctx)
	if err != nil {
		return []Finding{finding}, err
	}
	polling := 0
	for _, relay := range living {
		if strings.HasPrefix(relay.settings.Wake, "poll") {
			polling++
		}
	}
	finding.Values = values{"relays": len(living), "polling": polling}
	if polling > 0 && polling == len(living) {
		finding.Severity, finding.Do = Note, "nothing: the relays poll"
	}
	return []Finding{finding}, nil
}
