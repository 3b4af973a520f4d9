package dashboard

// entry is one of the navigation.
type entry struct{ Address, Name string }

// sections are the navigation, from the whole to the single thing.
func sections() []entry {
	return []entry{
		{"/", "Overview"},
		{"/relays", "Relays"},
		{"/events", "Events"},
		{"/streams", "Streams"},
		{"/consumers", "Consumers"},
		{"/dead-letters", "Dead letters"},
		{"/parked", "Parked"},
		{"/deliveries", "Deliveries"},
		{"/webhooks", "Webhooks"},
		{"/runs", "Runs"},
		{"/health", "Health"},
		{"/audit", "Audit"},
	}
}
