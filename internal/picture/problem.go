package picture

// Severity is how bad a problem is.
type Severity string

// The severities.
const (
	Danger  Severity = "danger"  // events wait, or will soon
	Warning Severity = "warning" // a person is to decide, or harm may come of it
)

// Problem is something that is wrong, in sentences without a full stop, in lower case.
type Problem struct {
	Severity Severity `json:"severity"`
	What     string   `json:"what"`  // is so
	Do       string   `json:"do"`    // what a person should do
	Where    string   `json:"where"` // the dashboard's page about it, as in /relays
}
