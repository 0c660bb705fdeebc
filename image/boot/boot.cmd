# Started by U-Boot. Picks the slot, counts a try down, starts its kernel; falls back to the other
# slot when the kernel cannot be loaded. The block it reads is described in board/src/layout/slots.rs.
#
# devtype and devnum are set by whoever loaded this script. Memory: the kernel unpacks to 45 MB, and
# the smallest board has 448 MB that are not the graphics part's.
setenv kernel_addr_r 0x00200000
setenv fdt_at 0x04000000
setenv state_1 0x04200000
setenv state_2 0x04200400
setenv sum 0x04200800
setenv kernel_comp_addr_r 0x05000000
setenv kernel_comp_size 0x04000000
setenv ramdisk_addr_r 0x0a000000
setenv expected 0x04200900
mw.l 0x04200900 0x53584250
mw.l 0x04200904 0x31544f4c

# The two copies, at 1 MiB and 2 MiB. The newest whole one is the state; the other is written next.
setenv state
setenv next_sector
${devtype} dev ${devnum}
if ${devtype} read ${state_1} 0x800 1; then
  crc32 ${state_1} 0x1fc ${sum}
  setexpr end ${state_1} + 0x1fc
  if cmp.b ${sum} ${end} 4 && cmp.b ${state_1} ${expected} 8; then
    setenv state ${state_1}
    setenv next_sector 0x1000
  fi
fi
if ${devtype} read ${state_2} 0x1000 1; then
  crc32 ${state_2} 0x1fc ${sum}
  setexpr end ${state_2} + 0x1fc
  if cmp.b ${sum} ${end} 4 && cmp.b ${state_2} ${expected} 8; then
    setexpr seq_2 ${state_2} + 8
    if test -z "${state}"; then
      setenv state ${state_2}
      setenv next_sector 0x800
    else
      setexpr seq_1 ${state_1} + 8
      if itest.l *${seq_2} -gt *${seq_1}; then
        setenv state ${state_2}
        setenv next_sector 0x800
      fi
    fi
  fi
fi

# Slot by partition number: 2 or 3.
setenv first 2
setenv tried 0
if test -n "${state}"; then
  setexpr good_at ${state} + 0xc
  setexpr trying_at ${state} + 0xd
  setexpr tries_at ${state} + 0xe
  setexpr first *${good_at} \& 0xff
  if itest.b *${trying_at} -ne 0 && itest.b *${tries_at} -ne 0; then
    setexpr.b first *${trying_at}
    setenv tried 1
    setexpr.b left *${tries_at} - 1
    mw.b ${tries_at} ${left}
    setexpr seq_at ${state} + 8
    setexpr.l sequence *${seq_at} + 1
    mw.l ${seq_at} ${sequence}
    setexpr end ${state} + 0x1fc
    crc32 ${state} 0x1fc ${end}
    ${devtype} write ${state} ${next_sector} 1
  fi
fi
if itest ${first} -eq 3; then
  setenv order "3 2"
else
  setenv order "2 3"
fi

# "${fdt_addr}" is the device tree of the firmware, in case the slot lacks this board's.
for slot in ${order}; do
  echo "Pillarbox: starting the system in partition ${slot}"
  setenv bootargs "@BOOTARGS@ pillarbox.partition=${slot} pillarbox.tried=${tried}"
  if load ${devtype} ${devnum}:${slot} ${kernel_addr_r} kernel.gz; then
    setenv kernel_comp_size ${filesize}
    setenv kernel_comp_size 0x04000000
    setenv fdt_used ${fdt_addr}
    if load ${devtype} ${devnum}:${slot} ${fdt_at} dtbs/${fdtfile}; then
      setenv fdt_used ${fdt_at}
    fi
    if load ${devtype} ${devnum}:${slot} ${ramdisk_addr_r} initramfs.gz; then
      booti ${kernel_addr_r} ${ramdisk_addr_r}:${filesize} ${fdt_used}
    fi
  fi
  setenv tried 0
done
echo "Pillarbox: no slot holds a system that starts; trying again in a minute"
sleep 60
reset
