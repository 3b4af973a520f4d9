package eventstore

// StoredSize is storedSize.
func StoredSize(data []byte) int { return storedSize(data) }
