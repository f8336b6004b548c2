# SPDX-License-Identifier: GPL-3.0-or-later
# Mends fzstd 0.1.1 while it is copied (build.sh): for every block it moves its whole window, 4 MiB for our encoding,
# which took longer than all the rest. Here the window is a view that moves along a buffer twice its size.
/^var Decompress = /i\
var slide = function (st, blk) {\
    if (!st.along) {\
        st.along = new u8(st.e * 2);\
        st.at = 0;\
    }\
    if (st.at + st.e + blk.length > st.along.length) {\
        st.along.copyWithin(0, st.at, st.at + st.e);\
        st.at = 0;\
    }\
    st.along.set(blk, st.at + st.e);\
    st.at += blk.length;\
    st.w = st.along.subarray(st.at, st.at + st.e);\
};
/^ *cpw(this\.s\.w, 0, blk\.length);$/d
s/^\( *\)this\.s\.w\.set(blk, this\.s\.w\.length - blk\.length);$/\1slide(this.s, blk);/
# A block's own memory, 128 KiB, is asked for once.
s/^\( *var buf = out ? out\.subarray(st\.y, st\.y + st\.m) : \)new u8(st\.m);$/\1(st.own = st.own || new u8(st.m));/
