package invoice

// Status is where an invoice stands. A deleted invoice keeps the status that it had.
type Status string

// The statuses. The zero value is that of an invoice that was never drafted.
const (
	StatusDrafted Status = "drafted"
	StatusIssued  Status = "issued"
	StatusPaid    Status = "paid"
	StatusVoided  Status = "voided"
)

// Statuses lists them in the order of an invoice's life.
func Statuses() []Status { return []Status{StatusDrafted, StatusIssued, StatusPaid, StatusVoided} }
