package invoice

// Evolve returns the state after an event. It can't fail: what is recorded has happened.
func Evolve(state State, event Event) State {
	switch event := event.(type) {
	case Drafted:
		return State{DraftedOn: event.DraftedOn, Reference: event.Reference}.reading(event.Invoice)
	case Updated:
		return state.reading(event.Invoice)
	case Issued:
		state.Status, state.IssuedAt = event.Invoice.Status, event.Invoice.IssuedAt
	case Paid:
		state.Status, state.PaidAt = event.Invoice.Status, event.Invoice.PaidAt
	case Voided:
		state.Status = event.Invoice.Status
	case Deleted:
		state.DeletedAt = event.Invoice.DeletedAt
	}
	return state
}

// reading is the state with all that a body tells.
func (s State) reading(body Body) State {
	s.ID, s.OrganisationID, s.ContactID = body.ID, body.OrganisationID, body.ContactID
	s.Status, s.CurrencyCode, s.DueDate = body.Status, body.CurrencyCode, body.DueDate
	s.LineItems, s.SubTotal = body.LineItems, body.SubTotal
	return s
}
