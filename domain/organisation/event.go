package organisation

import (
	"time"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/domain/rule"
)

// Category is the part of the stream's name before the id.
const Category = "organisation"

// Event is one of [Created], [Updated] and [Deleted].
//
//sumtype:decl
type Event interface {
	contrail.Payload
	isEvent()
}

// Created says that an organisation came to be.
type Created struct {
	Organisation Body   `json:"organisation"`
	Reference    string `json:"-"` // travels in the metadata; "": none
}

// Updated says that an organisation was renamed.
type Updated struct {
	Organisation Body `json:"organisation"`
}

// Deleted says that an organisation is no more.
type Deleted struct {
	Organisation DeletedBody `json:"organisation"`
}

// Body is what Created and Updated tell.
type Body struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// DeletedBody is what Deleted tells.
type DeletedBody struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	DeletedAt time.Time `json:"deleted_at"` // UTC, in microseconds
}

// EventType is "OrganisationCreated".
func (Created) EventType() string { return "OrganisationCreated" }

// EventType is "OrganisationUpdated".
func (Updated) EventType() string { return "OrganisationUpdated" }

// EventType is "OrganisationDeleted".
func (Deleted) EventType() string { return "OrganisationDeleted" }

// EventMetadata is what goes into the event's metadata because its body has no place for it.
func (e Created) EventMetadata() contrail.Metadata {
	if e.Reference == "" {
		return nil
	}
	return contrail.Metadata{rule.KeyReference: e.Reference}
}

// WithEventMetadata is e with the reference that the metadata name.
func (e Created) WithEventMetadata(metadata contrail.Metadata) (Created, error) {
	e.Reference = metadata[rule.KeyReference]
	return e, nil
}

func (Created) isEvent() {}
func (Updated) isEvent() {}
func (Deleted) isEvent() {}
