package contact

import (
	"time"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain/rule"
)

// Category is the part of the stream's name before the id.
const Category = "contact"

// KeyOrganisationID is the metadata key under which ContactCreated names the contact's organisation. It has no underscore, which a message
// would drop: so it is the same in the store and in the message.
const KeyOrganisationID = "organisationid"

// Event is one of [Created], [Updated] and [Deleted].
//
//sumtype:decl
type Event interface {
	contrail.Payload
	isEvent()
}

// Created says that an organisation has a new contact.
type Created struct {
	Contact        Body   `json:"contact"`
	OrganisationID string `json:"-"` // travels in the metadata
	Reference      string `json:"-"` // likewise; "": none
}

// Updated says that a contact's details changed.
type Updated struct {
	Contact Body `json:"contact"`
}

// Deleted says that a contact is no more.
type Deleted struct {
	Contact DeletedBody `json:"contact"`
}

// Body is what Created and Updated tell.
type Body struct {
	ID string `json:"id"`
	Details
}

// Details are what can be changed about a contact.
type Details struct {
	FirstName string `json:"first_name"` // 1 to MaxNameLength characters
	LastName  string `json:"last_name"`  // 1 to MaxNameLength characters
	Email     string `json:"email"`      // local@domain, at most MaxEmailBytes
}

// DeletedBody is what Deleted tells.
type DeletedBody struct {
	ID        string    `json:"id"`
	DeletedAt time.Time `json:"deleted_at"` // UTC, in microseconds
}

// EventType is "ContactCreated".
func (Created) EventType() string { return "ContactCreated" }

// EventType is "ContactUpdated".
func (Updated) EventType() string { return "ContactUpdated" }

// EventType is "ContactDeleted".
func (Deleted) EventType() string { return "ContactDeleted" }

// EventMetadata is what goes into the event's metadata because its body has no place for it.
func (e Created) EventMetadata() contrail.Metadata {
	metadata := contrail.Metadata{KeyOrganisationID: e.OrganisationID}
	if e.Reference != "" {
		metadata[rule.KeyReference] = e.Reference
	}
	return metadata
}

// WithEventMetadata is e with the organisation and the reference that the metadata name.
func (e Created) WithEventMetadata(metadata contrail.Metadata) (Created, error) {
	e.OrganisationID, e.Reference = metadata[KeyOrganisationID], metadata[rule.KeyReference]
	return e, nil
}

func (Created) isEvent() {}
func (Updated) isEvent() {}
func (Deleted) isEvent() {}
