package invoice

import "github.com/contrail-events/contrail"

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
	return contrail.Metadata{KeyDraftedOn: e.DraftedOn.String()}
}

// WithEventMetadata is e with the day that the metadata name; none where a plain SQL writer left it out. The error is [ErrDate].
func (e Drafted) WithEventMetadata(metadata contrail.Metadata) (Drafted, error) {
	err := e.DraftedOn.UnmarshalText([]byte(metadata[KeyDraftedOn]))
	return e, err
}

func (Drafted) isEvent() {}
func (Updated) isEvent() {}
func (Issued) isEvent()  {}
func (Paid) isEvent()    {}
func (Voided) isEvent()  {}
func (Deleted) isEvent() {}
