package domain

import (
	"context"

	"github.com/contrail-events/contrail"
)

// Register is one row for each aggregate, written in the transaction of the command: it finds what the streams hold, and is what
// commands that refer to one another meet at. The streams decide: a row says nothing that they don't, and can be made anew from them.
type Register interface {
	// Hold returns the entries of what a command refers to, in any order. None of them can be saved as deleted until the transaction
	// ends; one that is just being deleted is waited for. Of those that are missing, and of those whose stream is ahead of them because
	// another program appended to it, nothing is returned.
	Hold(ctx context.Context, tenantID string, refs ...Ref) ([]Entry, error)

	// Lock waits until no other transaction is about to change the aggregate, and keeps others from it until this one ends. An entry
	// that is missing is not locked, which is no error: the append still finds every conflict.
	Lock(ctx context.Context, tenantID string, ref Ref) error

	// Save writes an entry that is new, or newer than the one there is. To save one as deleted waits for those who hold it. The error
	// wraps contrail.ErrConflict when the entry there is is as new or newer, and is a [*ReferenceError] when another aggregate has the
	// reference. Kind, ID, TenantID, OrganisationID and Reference of an entry that is there stay as they are.
	Save(ctx context.Context, entry Entry) error

	// List returns the events of the aggregates that the query selects, a stream each, in the order of their ids.
	List(ctx context.Context, query ListQuery) ([][]contrail.Recorded, error)
}

// Ref names an aggregate of a tenant.
type Ref struct {
	Kind string // the category of its stream
	ID   string
}

// Entry is what the register says of an aggregate.
type Entry struct {
	Ref

	TenantID       string
	OrganisationID string // of a contact and of an invoice, else ""
	ContactID      string // of an invoice, else ""
	Reference      string // the client's own name for it, unique within tenant and kind, also when it is deleted; "": none
	Status         string // StatusLive, StatusDeleted or, of an invoice, an invoice.Status
	Version        int64  // of the stream that it is made of
}

// What the status of an [Entry] may be, beside those of package invoice.
const (
	StatusLive    = "live" // of an organisation and of a contact
	StatusDeleted = "deleted"
)

// ListQuery is what [Register.List] selects.
type ListQuery struct {
	TenantID string
	Kind     string

	ListFilter // checked, with a Limit above zero
}
