package dashboard

// eventActions are none: an event is a fact, and stays what it is.
func (d *Dashboard) eventActions() []action { return nil }
