package sqlite

import (
	"fmt"
	"syscall"
)

// SQLite's locks and shared memory do not hold across machines. The numbers are
// those of statfs(2).
var network = map[uint32]string{
	0x00006969: "NFS",
	0x0000517b: "SMB",
	0xff534d42: "CIFS",
	0xfe534d42: "SMB2",
	0x5346414f: "AFS",
	0x73757245: "Coda",
	0x0000564c: "NCP",
	0x00c36400: "Ceph",
	0x0bd00bd0: "Lustre",
	0x19830326: "BeeGFS",
	0x47504653: "GPFS",
}

func refuseNetwork(folder string) error {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(folder, &fs); err != nil {
		return fmt.Errorf("the file system of %s: %w", folder, err)
	}
	return refuseType(folder, uint32(fs.Type)) //nolint:gosec // the kernel's numbers have 32 bits
}

func refuseType(folder string, kind uint32) error {
	if name, ok := network[kind]; ok {
		return fmt.Errorf("%s is on %s, where SQLite loses data; choose a local disk, or PostgreSQL", folder, name)
	}
	return nil
}
