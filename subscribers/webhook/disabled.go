package webhook

import (
	"time"

	"github.com/google/uuid"

	"github.com/contrail-events/contrail"
)

// Disabled is the event about an endpoint that is disabled since it has failed for long, or wants no more events. It is appended to the stream
// webhook-<id of the endpoint> by [Config].Append, in the endpoint's tenant; endpoints disabled by a person have none.
type Disabled struct {
	Endpoint     uuid.UUID `json:"endpoint"`
	Consumer     string    `json:"consumer"`
	Tenant       string    `json:"tenant,omitempty"`
	Reason       string    `json:"reason"`
	Failures     int       `json:"failures"` // one after another
	FailingSince time.Time `json:"failing_since"`
}

// EventType is WebhookDisabled.
func (Disabled) EventType() string { return "WebhookDisabled" }

// EventMetadata is the tenant.
func (d Disabled) EventMetadata() contrail.Metadata {
	if d.Tenant == "" {
		return nil
	}
	return contrail.Metadata{contrail.KeyTenantID: d.Tenant}
}
