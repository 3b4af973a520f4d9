package picture

import (
	"github.com/contrail-events/contrail/subscribers/deliveries"
	"github.com/contrail-events/contrail/subscribers/steps"
	"github.com/contrail-events/contrail/subscribers/webhook"
)

// Ledger is how the deliveries of one consumer stand.
type Ledger struct {
	Consumer string                     `json:"consumer"`
	States   map[deliveries.State]Count `json:"states"` // each counted up to 1,000, and those that have not ended up to 10,000
	Held     Count                      `json:"held"`   // failed, and waiting for a person
	Stuck    Count                      `json:"stuck"`  // under way for longer than their lease, and nobody completes them
	// Exhausted are those that were given up within a day, since their last attempt failed, or nobody can be reached there: among the 1,000 newest that
	// are cancelled.
	Exhausted Count `json:"exhausted"`
}

// Workflow is how the runs of one workflow stand.
type Workflow struct {
	Workflow string                 `json:"workflow"`
	States   map[steps.Status]Count `json:"states"`  // those that have ended counted up to 1,000, the others up to 10,000
	Overdue  Count                  `json:"overdue"` // due for longer than Limits.Overdue, and performed by nobody
}

// Endpoints is how the webhooks' endpoints stand.
type Endpoints struct {
	Enabled  int64 `json:"enabled"`  // and answering
	Open     int64 `json:"open"`     // enabled, with an open circuit: they have failed, and are only probed
	Disabled int64 `json:"disabled"` //
	// Troubled are the first 100 of those that are open or disabled.
	Troubled []webhook.Endpoint `json:"troubled"`
}
