package doctor

// What is asked of servers that can't be had in a test: old ones.
var (
	PostgresFinding = postgresFinding
	NATSFinding     = natsFinding
	Covers          = covers
	Overlaps        = overlaps
	BytesText       = bytesText
)
