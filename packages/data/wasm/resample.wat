;; The two passes of Pillow's Resample.c for 8-bit RGB, four samples at a time.
;; Weights are fixed point with 22 fractional bits; sums wrap as C's int does, then shift, then saturate to 0-255.
;; Assemble with wasm/build.mjs. Loads and stores run up to 15 bytes past a row: the caller leaves room.
(module
  (memory (export "memory") 1)

  ;; Each of $rows rows of $stride bytes at $src -> $width pixels at $dst, rows of $width * 3 bytes end to end.
  (func (export "across")
    (param $src i32) (param $stride i32) (param $rows i32) (param $dst i32) (param $width i32)
    (param $start i32) (param $count i32) (param $weights i32) (param $taps i32)
    (local $x i32) (local $p i32) (local $k i32) (local $end i32) (local $line i32) (local $sum v128)
    (local.set $taps (i32.shl (local.get $taps) (i32.const 2)))
    (local.set $width (i32.shl (local.get $width) (i32.const 2)))
    (block $done
      (loop $row
        (br_if $done (i32.eqz (local.get $rows)))
        (local.set $x (i32.const 0))
        (local.set $line (local.get $weights))
        (loop $pixel
          (local.set $p (i32.add (local.get $src)
            (i32.mul (i32.const 3) (i32.load (i32.add (local.get $start) (local.get $x))))))
          (local.set $k (local.get $line))
          (local.set $end (i32.add (local.get $k)
            (i32.shl (i32.load (i32.add (local.get $count) (local.get $x))) (i32.const 2))))
          (local.set $sum (v128.const i32x4 0x200000 0x200000 0x200000 0x200000)) ;; a half
          (block $summed
            (loop $tap
              (br_if $summed (i32.ge_u (local.get $k) (local.get $end)))
              (local.set $sum (i32x4.add (local.get $sum)
                (i32x4.mul
                  (v128.load32_splat (local.get $k))
                  (i32x4.extend_low_i16x8_u (i16x8.extend_low_i8x16_u (v128.load32_zero (local.get $p)))))))
              (local.set $p (i32.add (local.get $p) (i32.const 3)))
              (local.set $k (i32.add (local.get $k) (i32.const 4)))
              (br $tap)))
          (local.set $sum (i32x4.shr_s (local.get $sum) (i32.const 22)))
          (local.set $sum (i16x8.narrow_i32x4_s (local.get $sum) (local.get $sum)))
          (v128.store32_lane 0 (local.get $dst) (i8x16.narrow_i16x8_u (local.get $sum) (local.get $sum)))
          (local.set $dst (i32.add (local.get $dst) (i32.const 3)))
          (local.set $line (i32.add (local.get $line) (local.get $taps)))
          (local.set $x (i32.add (local.get $x) (i32.const 4)))
          (br_if $pixel (i32.lt_u (local.get $x) (local.get $width))))
        (local.set $src (i32.add (local.get $src) (local.get $stride)))
        (local.set $rows (i32.sub (local.get $rows) (i32.const 1)))
        (br $row))))

  ;; Rows of $bytes bytes at $src -> $height rows of the same length at $dst.
  (func (export "down")
    (param $src i32) (param $bytes i32) (param $dst i32) (param $height i32)
    (param $start i32) (param $count i32) (param $weights i32) (param $taps i32)
    (local $i i32) (local $p i32) (local $k i32) (local $end i32) (local $first i32) (local $c v128) (local $v v128)
    (local $half v128) (local $a v128) (local $b v128) (local $d v128) (local $e v128)
    (local.set $half (v128.const i32x4 0x200000 0x200000 0x200000 0x200000))
    (local.set $taps (i32.shl (local.get $taps) (i32.const 2)))
    (block $done
      (loop $row
        (br_if $done (i32.eqz (local.get $height)))
        (local.set $first (i32.add (local.get $src)
          (i32.mul (local.get $bytes) (i32.load (local.get $start)))))
        (local.set $end (i32.add (local.get $weights) (i32.shl (i32.load (local.get $count)) (i32.const 2))))
        (local.set $i (i32.const 0))
        (loop $sixteen
          (local.set $p (i32.add (local.get $first) (local.get $i)))
          (local.set $k (local.get $weights))
          (local.set $a (local.get $half))
          (local.set $b (local.get $half))
          (local.set $d (local.get $half))
          (local.set $e (local.get $half))
          (block $summed
            (loop $tap
              (br_if $summed (i32.ge_u (local.get $k) (local.get $end)))
              (local.set $c (v128.load32_splat (local.get $k)))
              (local.set $v (i16x8.extend_low_i8x16_u (v128.load (local.get $p))))
              (local.set $a (i32x4.add (local.get $a)
                (i32x4.mul (local.get $c) (i32x4.extend_low_i16x8_u (local.get $v)))))
              (local.set $b (i32x4.add (local.get $b)
                (i32x4.mul (local.get $c) (i32x4.extend_high_i16x8_u (local.get $v)))))
              (local.set $v (i16x8.extend_high_i8x16_u (v128.load (local.get $p))))
              (local.set $d (i32x4.add (local.get $d)
                (i32x4.mul (local.get $c) (i32x4.extend_low_i16x8_u (local.get $v)))))
              (local.set $e (i32x4.add (local.get $e)
                (i32x4.mul (local.get $c) (i32x4.extend_high_i16x8_u (local.get $v)))))
              (local.set $p (i32.add (local.get $p) (local.get $bytes)))
              (local.set $k (i32.add (local.get $k) (i32.const 4)))
              (br $tap)))
          (v128.store (i32.add (local.get $dst) (local.get $i))
            (i8x16.narrow_i16x8_u
              (i16x8.narrow_i32x4_s
                (i32x4.shr_s (local.get $a) (i32.const 22)) (i32x4.shr_s (local.get $b) (i32.const 22)))
              (i16x8.narrow_i32x4_s
                (i32x4.shr_s (local.get $d) (i32.const 22)) (i32x4.shr_s (local.get $e) (i32.const 22)))))
          (local.set $i (i32.add (local.get $i) (i32.const 16)))
          (br_if $sixteen (i32.lt_u (local.get $i) (local.get $bytes))))
        (local.set $dst (i32.add (local.get $dst) (local.get $bytes)))
        (local.set $start (i32.add (local.get $start) (i32.const 4)))
        (local.set $count (i32.add (local.get $count) (i32.const 4)))
        (local.set $weights (i32.add (local.get $weights) (local.get $taps)))
        (local.set $height (i32.sub (local.get $height) (i32.const 1)))
        (br $row)))))
