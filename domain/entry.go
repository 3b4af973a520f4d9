package domain

import (
	"time"

	"github.com/contrail-events/contrail/domain/contact"
	"github.com/contrail-events/contrail/domain/invoice"
	"github.com/contrail-events/contrail/domain/organisation"
)

func organisationEntry(o Aggregate[organisation.State]) Entry {
	return Entry{
		Ref: Ref{Kind: organisation.Category, ID: o.ID}, TenantID: o.TenantID, Version: o.Version,
		Reference: o.State.Reference, Status: status(StatusLive, o.State.DeletedAt),
	}
}

func contactEntry(c Aggregate[contact.State]) Entry {
	return Entry{
		Ref: Ref{Kind: contact.Category, ID: c.ID}, TenantID: c.TenantID, Version: c.Version,
		OrganisationID: c.State.OrganisationID, Reference: c.State.Reference, Status: status(StatusLive, c.State.DeletedAt),
	}
}

func invoiceEntry(i Aggregate[invoice.State]) Entry {
	return Entry{
		Ref: Ref{Kind: invoice.Category, ID: i.ID}, TenantID: i.TenantID, Version: i.Version,
		OrganisationID: i.State.OrganisationID, ContactID: i.State.ContactID, Reference: i.State.Reference,
		Status: status(string(i.State.Status), i.State.DeletedAt),
	}
}

func status(living string, deletedAt time.Time) string {
	if !deletedAt.IsZero() {
		return StatusDeleted
	}
	return living
}
