package invoice

import (
	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain/rule"
)

// EventType is "InvoiceDrafted".
func (Drafted) EventType() string { return "InvoiceDrafted" }

// EventType is "InvoiceUpdated".
func (Updated) EventType() string { return "InvoiceUpdated" }

// EventType is "InvoiceIssued".
func (Issued) EventType() string { return "InvoiceIssued" }

// EventType is "InvoicePaid".
func (Paid) EventType() string { return "InvoicePaid" }

// EventType is "InvoiceVoided".
func (Voided) EventType() string { return "InvoiceVoided" }

// EventType is "InvoiceDeleted".
func (Deleted) EventType() string { return "InvoiceDeleted" }

// EventMetadata is what goes into the event's metadata because its body has no place for it.
func (e Drafted) EventMetadata() contrail.Metadata {
	metadata := contrail.Metadata{KeyDraftedOn: e.DraftedOn.String()}
	if e.Reference != "" {
		metadata[rule.KeyReference] = e.Reference
	}
	return metadata
}

// WithEventMetadata is e with the day and the reference that the metadata name; none where a plain SQL writer left them out. The error
// is [ErrDate].
func (e Drafted) WithEventMetadata(metadata contrail.Metadata) (Drafted, error) {
	e.Reference = metadata[rule.KeyReference]
	err := e.DraftedOn.UnmarshalText([]byte(metadata[KeyDraftedOn]))
	return e, err
}

func (Drafted) isEvent() {}
func (Updated) isEvent() {}
func (Issued) isEvent()  {}
func (Paid) isEvent()    {}
func (Voided) isEvent()  {}
func (Deleted) isEvent() {}
