package dashboard

// Role is what a user may do.
type Role string

// The roles.
const (
	Viewer   Role = "viewer"   // sees everything, and changes nothing
	Operator Role = "operator" // does everything
)

// identity is who asks.
type identity struct {
	Name string // "local" where no credentials are needed, "token" or "viewer-token" of those who have shown a token
	Role Role
}

// local is who sits at this computer, where the dashboard listens to nobody else.
func local() identity { return identity{Name: "local", Role: Operator} }

// mayAct tells whether forms are for them.
func (i identity) mayAct() bool { return i.Role == Operator }
